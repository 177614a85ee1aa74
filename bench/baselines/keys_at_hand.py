"""The gate's handler, once its gate has been given a JWK Set (`JWK_SET`) in the place of the network."""

import os
import time

from chalicelib import authorizer
from chalicelib.gate.decision import Gate

authorizer.GATE = Gate(
    authorizer.SETTINGS, authorizer.PROTECTED, lambda _: os.environ["JWK_SET"].encode(), time.time
)
gate = authorizer.gate
