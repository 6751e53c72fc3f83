"""The hall gateway: takes ratings from the devices of a hall and never loses one.

Follow one rating: broker.mjs or mosquitto -> `mqtt` -> `inbox` -> `custody` (with `intake`, which
judges, and `store`, which keeps) -> `announcer` (the `ack`) -> `outbox` -> `forwarder` ->
`centre`.
`service` builds the parts.
"""
