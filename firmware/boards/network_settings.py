"""How a five-key board reaches its hall: /network.json, as the bench wrote it, and joining."""

import asyncio
import json

import network

_NETWORK = "/network.json"


def read_network():
    """/network.json's members. Raises ValueError if no device could be in a network by it."""
    try:
        with open(_NETWORK) as file:
            settings = json.loads(file.read())
    except OSError as error:
        raise ValueError(f"{_NETWORK} cannot be read: {error}")
    except ValueError:
        raise ValueError(f"{_NETWORK} is torn")
    if type(settings) is not dict or settings.get("interface") not in ("wifi", "ethernet"):
        raise ValueError(f'{_NETWORK}: "interface" must be wifi or ethernet')
    if settings["interface"] == "wifi" and type(settings.get("ssid")) is not str:
        raise ValueError(f'{_NETWORK}: "ssid" is missing')
    address = settings.get("address")
    if address is not None:
        for name in ("ip", "mask", "gateway", "dns"):
            if type(address) is not dict or type(address.get(name)) is not str:
                raise ValueError(f'{_NETWORK}: "address" has no "{name}"')
    return settings


async def join(interface, settings):
    """Brings an interface up: of the Wi-Fi, or of the cable (no `ssid`). Raises OSError.

    A Wi-Fi that went away is joined anew: the link asks again until it is there. WPA-Enterprise
    (802.1X) is not in MicroPython.
    """
    if settings.get("hostname"):
        network.hostname(settings["hostname"])
    is_wifi = bool(settings.get("ssid"))
    if is_wifi:
        network.country(settings.get("country") or "CN")
    interface.active(True)
    if interface.isconnected():
        return
    address = settings.get("address")
    if address is not None:
        interface.ifconfig([address[name] for name in ("ip", "mask", "gateway", "dns")])
    if is_wifi:
        interface.config(pm=interface.PM_NONE)  # saving power holds messages back for seconds
        interface.disconnect()
        interface.connect(settings["ssid"], settings.get("password") or None)
    while not interface.isconnected():
        await asyncio.sleep_ms(100)
