"""Requests and answers: the hall's API, its pages, its health."""
