"""The part of Go's text/template that Prometheus rules use: parsed once at load, expanded for each alert.

``Template.parse`` refuses what Go refuses at load (syntax, unknown functions and variables). ``Template.expand`` never
raises: a failure becomes the text ``<error expanding template: ...>``, as an alert must not be lost over its words.
"""
