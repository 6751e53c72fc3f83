"""What a technician does with boards; `bench` puts it together.

`enrolment` gives a board its bundle out of a `supply` or from the `centre`, the one HTTP client.
"""
