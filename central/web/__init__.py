"""Requests and answers: the API for programs, the pages for people."""
