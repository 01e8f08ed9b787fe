"""Zone 2, the server: stores ciphertext and facts about it, and governs reading."""
