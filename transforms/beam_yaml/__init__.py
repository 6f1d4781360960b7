"""Calumma in Beam YAML: transforms that take plain settings, and exchange rows with a schema.

``provider.yaml`` in this folder lists them for a pipeline's ``providers``.
"""
