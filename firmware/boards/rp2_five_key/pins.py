"""The Pico W's pins: (part, GPIO number, wiring); docs/hardware.md shows this table."""

PINS = (
    ("key_1", 2, "非常不满意: to ground"),
    ("key_2", 3, "不满意: to ground"),
    ("key_3", 6, "基本满意: to ground"),
    ("key_4", 7, "满意: to ground"),
    ("key_5", 8, "非常满意: to ground"),
    ("lamp_1", 10, "330 Ω and LED to ground"),
    ("lamp_2", 11, "330 Ω and LED to ground"),
    ("lamp_3", 12, "330 Ω and LED to ground"),
    ("lamp_4", 13, "330 Ω and LED to ground"),
    ("lamp_5", 14, "330 Ω and LED to ground"),
    ("ready", 15, "330 Ω and LED to ground"),
    ("voice_tx", 4, "1 kΩ to the DFPlayer's RX"),
    ("voice_rx", 5, "the DFPlayer's TX"),
    ("buzzer", 16, "NPN transistor"),
)
