"""The verb `exempt` of the command."""
