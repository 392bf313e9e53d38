"""A stand-in for the identity provider (浙里办): a small OpenID provider that asserts who is an enterprise's legal representative."""
