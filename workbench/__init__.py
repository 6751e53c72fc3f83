"""The technician's bench: blank boards become working, labelled, enrolled devices.

`cli` reads the command line, `bench` puts the parts together; `board` is the cable (raw REPL),
`image` puts MicroPython itself on, `centre` is the one HTTP client. Firmware is shipped as files
that `make firmware` built.
"""
