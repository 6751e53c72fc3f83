"""A device's login at the broker without a device; simulator/pen.py signs its records."""

import paho.mqtt.client as paho


def login(mqtt, username=None, password=None):
    """(client, reason code of CONNACK)."""
    client = paho.Client(
        paho.CallbackAPIVersion.VERSION2,
        client_id=username or mqtt["username"],
        protocol=paho.MQTTv311,
    )
    client.username_pw_set(username or mqtt["username"], password or mqtt["password"])
    answers = []
    client.on_connect = lambda _c, _u, _f, reason, _p: answers.append(reason)
    client.connect(mqtt["host"], mqtt["port"])
    client.loop_start()
    return client, answers
