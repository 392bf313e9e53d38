"""Rules as functions of an owner's record: what they look at, where they change, and which records they tell apart [D3]."""
