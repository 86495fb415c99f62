"""The configuration: typed, strict, every mistake with its position. The door is ``agent.config.load``."""
