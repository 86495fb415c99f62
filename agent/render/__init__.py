"""Ticket text."""

from agent.render.words import TemplateWords

__all__ = ["TemplateWords"]
