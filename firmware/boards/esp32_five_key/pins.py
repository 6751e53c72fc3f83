"""The ESP32's pins: (part, GPIO number, wiring); docs/hardware.md shows this table."""

# The LAN8720 has 18, 19, 21 to 23, 25 to 27 for itself, the flash 6 to 11, the console 1 and 3.
# 34 to 39 can only listen, without pull-up.
PINS = (
    ("key_1", 34, "非常不满意: to ground, 10 kΩ to 3.3 V"),
    ("key_2", 35, "不满意: to ground, 10 kΩ to 3.3 V"),
    ("key_3", 36, "基本满意: to ground, 10 kΩ to 3.3 V"),
    ("key_4", 39, "满意: to ground, 10 kΩ to 3.3 V"),
    ("key_5", 32, "非常满意: to ground, 10 kΩ to 3.3 V"),
    ("lamp_1", 13, "330 Ω and LED to ground"),
    ("lamp_2", 14, "330 Ω and LED to ground"),
    ("lamp_3", 33, "330 Ω and LED to ground"),
    ("lamp_4", 4, "330 Ω and LED to ground"),
    ("lamp_5", 5, "330 Ω and LED to ground"),
    ("ready", 2, "330 Ω and LED to ground"),
    ("voice_tx", 15, "1 kΩ to the DFPlayer's RX"),
    ("voice_rx", 16, "the DFPlayer's TX"),
    ("buzzer", 12, "NPN transistor, 10 kΩ to ground: high at power-on stops the chip"),
    ("lan_clock", 17, "LAN8720 REFCLK, 50 MHz from the ESP32"),
    ("lan_mdc", 23, "LAN8720 MDC"),
    ("lan_mdio", 18, "LAN8720 MDIO"),
)
