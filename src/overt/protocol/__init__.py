"""What the trust zones exchange: records, ids, canonical bytes, sealing, proofs.

Input and output are values and bytes; nothing here does I/O or reads a clock:
time is passed in. Every other package may import this one; this one imports none.
"""
