"""Each module here takes a fuzzer's bytes: its `check` raises when a promise is broken."""
