"""The technician's bench: blank boards become working, labelled, enrolled devices.

Three rooms: `cli` reads the command line, `desk` is what a technician does (enrol, test, label,
rescue, replace; `desk/bench.py` puts the parts together), `board` is the one board on its cable.
Each imports only those after it. Firmware is shipped as files that `make firmware` built.
"""
