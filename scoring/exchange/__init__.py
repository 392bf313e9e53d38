"""The exchange as its log tells it: who may say what and when, and what follows."""
