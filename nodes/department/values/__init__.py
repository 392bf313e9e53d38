"""What enterprises say of the values that a department holds of them: confirmed, disputed, or filed by themselves [V1–V4]."""
