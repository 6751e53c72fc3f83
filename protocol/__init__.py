"""The wire contract of Pingjia: what a device, a hall and a centre say to each other.

Values in, bytes out; no socket, no clock, no file. Everything here runs on CPython and on
MicroPython (CONTRIBUTING.md says how that is checked), so the device and the servers use the
same lines. README.md beside this file states the exact bytes and numbers every MUST.

Follow one rating: `record` (what is signed) -> `envelope` (how it is signed) -> `topic` and
`message` (how it travels to the hall) -> `batch` (how the hall hands it to the centre).
"""
