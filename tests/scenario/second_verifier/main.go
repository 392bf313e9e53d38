// A second verifier of the exchange log, on Go's own packages for signed notes and transparency logs, knowing nothing of Xinqiao.
//
//	second_verifier [-required W] [-old CHECKPOINT] DIR LOG_VKEY WITNESS_VKEY...
//
// DIR holds checkpoint and tile/ as served over HTTP. The log and at least W of the witnesses (all, unless said otherwise) must have
// signed the checkpoint. Every entry is hashed again, every tile authenticated against the signed root, every inclusion proof and a
// consistency proof from every size checked; with -old, that the log has only grown since that signed checkpoint. Prints
// "ok SIZE ROOT", or says what is wrong and exits 1.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// witness verifies C2SP cosignature/v1 lines (type 0x04), which Go's package leaves to its caller.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (w witness) Name() string    { return w.name }
func (w witness) KeyHash() uint32 { return w.hash }
func (w witness) Verify(msg, sig []byte) bool {
	if len(sig) != 72 {
		return false
	}
	header := fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(sig))
	return ed25519.Verify(w.key, append([]byte(header), msg...), sig[8:])
}

func parseWitness(vkey string) witness {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		fail("%s is not a verifier key", vkey)
	}
	material, err := base64.StdEncoding.DecodeString(parts[2])
	check(err)
	if len(material) != 33 || material[0] != 4 {
		fail("%s is not a cosignature key", vkey)
	}
	hash := sha256.Sum256(append([]byte(parts[0]+"\n"), material...))
	if fmt.Sprintf("%x", hash[:4]) != parts[1] {
		fail("%s has a wrong key id", vkey)
	}
	return witness{parts[0], binary.BigEndian.Uint32(hash[:4]), material[1:]}
}

// files reads tiles of height 8 from the directory; Go names them tile/8/L/N, C2SP tile/L/N.
type files struct{ dir string }

func (f files) Height() int { return 8 }
func (f files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(f.dir, filepath.FromSlash(path)))
		if err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}
func (f files) SaveTiles([]tlog.Tile, [][]byte) {}

func readEntries(dir string, size int64) [][]byte {
	var entries [][]byte
	for start := int64(0); start < size; start += 256 {
		width := size - start
		if width > 256 {
			width = 256
		}
		tile := tlog.Tile{H: 8, L: -1, N: start / 256, W: int(width)}
		path := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		check(err)
		for count := int64(0); count < width; count++ {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				fail("%s ends within an entry", path)
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			entries = append(entries, data[2:end])
			data = data[end:]
		}
		if len(data) != 0 {
			fail("%s holds more than %d entries", path, width)
		}
	}
	return entries
}

// checkpoint is a tree head that the log and enough witnesses signed.
type checkpoint struct {
	size int64
	root tlog.Hash
}

// openCheckpoint verifies a signed note: C2SP tlog-checkpoint without extension lines, cosigned by at least required witnesses.
func openCheckpoint(path string, log note.Verifier, witnesses []note.Verifier, required int) checkpoint {
	text, err := os.ReadFile(path)
	check(err)
	opened, err := note.Open(text, note.VerifierList(append([]note.Verifier{log}, witnesses...)...))
	check(err)
	signed := map[string]bool{}
	for _, signature := range opened.Sigs {
		signed[fmt.Sprintf("%s+%08x", signature.Name, signature.Hash)] = true
	}
	if !signed[fmt.Sprintf("%s+%08x", log.Name(), log.KeyHash())] {
		fail("%s: the log did not sign it", path)
	}
	if len(signed)-1 < required {
		fail("%s: %d of the required %d witnesses signed it", path, len(signed)-1, required)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != log.Name() || lines[3] != "" {
		fail("%s is not a checkpoint of %s", path, log.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return checkpoint{size, root}
}

func main() {
	required := flag.Int("required", -1, "how many witnesses must have signed (default all)")
	old := flag.String("old", "", "an earlier signed checkpoint of the same log")
	flag.Parse()
	if flag.NArg() < 2 {
		fail("usage: second_verifier [-required W] [-old CHECKPOINT] DIR LOG_VKEY WITNESS_VKEY...")
	}
	dir := flag.Arg(0)
	log, err := note.NewVerifier(flag.Arg(1))
	check(err)
	var witnesses []note.Verifier
	for _, vkey := range flag.Args()[2:] {
		witnesses = append(witnesses, parseWitness(vkey))
	}
	if *required < 0 {
		*required = len(witnesses)
	}
	head := openCheckpoint(filepath.Join(dir, "checkpoint"), log, witnesses, *required)
	size, root := head.size, head.root

	var stored []tlog.Hash
	memory := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, index := range indexes {
			out = append(out, stored[index])
		}
		return out, nil
	})
	entries := readEntries(dir, size)
	for index, entry := range entries {
		hashes, err := tlog.StoredHashes(int64(index), entry, memory)
		check(err)
		stored = append(stored, hashes...)
	}
	again, err := tlog.TreeHash(size, memory)
	check(err)
	if !bytes.Equal(again[:], root[:]) {
		fail("the entries hash to %s, the checkpoint says %s", again, root)
	}

	tiles := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, files{dir})
	for index := int64(0); index < size; index++ {
		proof, err := tlog.ProveRecord(size, index, tiles)
		check(err)
		check(tlog.CheckRecord(proof, size, root, index, tlog.RecordHash(entries[index])))
	}
	for first := int64(1); first <= size; first++ {
		hash, err := tlog.TreeHash(first, memory)
		check(err)
		proof, err := tlog.ProveTree(size, first, tiles)
		check(err)
		check(tlog.CheckTree(proof, size, root, first, hash))
	}
	if *old != "" {
		before := openCheckpoint(*old, log, witnesses, *required)
		proof, err := tlog.ProveTree(size, before.size, tiles)
		check(err)
		check(tlog.CheckTree(proof, size, root, before.size, before.root))
	}
	fmt.Printf("ok %d %s\n", size, root)
}

func check(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func fail(format string, arguments ...interface{}) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(1)
}
