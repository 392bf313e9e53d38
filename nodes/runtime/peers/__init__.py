"""gRPC over mutual TLS: identities, channels, and the clients of log and coordinator."""
