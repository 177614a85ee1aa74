"""What the service costs and where its first limits are, on paper: `python -m bench.scale` writes docs/scale.md.

units: what DynamoDB charges for a call. operations: each operation done on an emulated AWS, its calls counted and
its processor time measured. prices: AWS's list prices. cost: dollars. limits: AWS's limits, and who reaches them.
page: the tables.
"""
