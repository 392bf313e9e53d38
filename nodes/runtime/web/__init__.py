"""HTTP: servers, problems, tokens, signed requests and those who send them."""
