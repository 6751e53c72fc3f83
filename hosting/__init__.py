"""How a server of ours lives: nothing in here knows what a rating is.

`listener`, `server` and `process` begin and end it, `log` says what happens, `door` asks who
comes, `clock` tells it the time, `toml` reads its settings,
`secret_file`, `tokens` and `password` keep its secrets, `body` and `problem` bound what comes in
and say what was wrong with it. Gateway and centre stand on it, the bench and the simulator take
what they need.
"""
