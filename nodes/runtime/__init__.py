"""What every process shares: settings, identity, mTLS, calls, storage, logs, its life from start to stop."""
