"""How far the clocks of two machines may lie apart."""

# In seconds: the one bound for everything that compares times of two machines.
CLOCK_SKEW = 60
