"""The broker: our session with it, the embedded one, the files of a mosquitto, who may log in."""
