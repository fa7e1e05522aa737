"""The secret: who has which sequence. Its own tables, schema and database privileges (ADR 0001).

The blinded processes may execute `alloc.allocate()` and nothing else here; only the vault holds the key that opens a
slot, and `sealing` is the only module that can.
"""
