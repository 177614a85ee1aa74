"""What an operator sees.

events    security events and measurements: what they are
log       where they go: log lines, CloudWatch metrics, EventBridge
"""
