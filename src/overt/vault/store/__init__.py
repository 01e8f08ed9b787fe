"""Objects and rows: where ciphertext and facts about it lie."""
