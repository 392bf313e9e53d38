"""``xinqiao key``: the ceremony, renewals of the shares, and who may be away."""
