"""What decides on a bearer token: the authorizer's rules, without HTTP and without Chalice.

decision           bearer token and method in, IAM policy out
policy             the access table as exact IAM policies: for the whole API, or for one route
whole_api          what one policy for all routes denies, and whether it tells them apart
by_route           the policy for one route alone, and which route was asked for
routes             the rows of the table as routes, and which of them a star may reach
arn_pattern        what an IAM wildcard matches, by path segments
explanation        how an API is guarded and why, in words and figures
request_event      what a REQUEST event says: the header, and the route that API Gateway matched
guarded_apis       the access tables of other REST APIs, and which API each holds for
context            what the gate writes about a token, and the API reads
verified_tokens    access tokens verified before, kept until they expire
revocation_feed    the revocation feed, for a gate that reads it by itself
"""
