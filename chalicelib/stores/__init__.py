"""One module for each table; the only importers of boto3.

aws            clients whose calls end in time, and AWS's failures in our own errors
dynamodb       one table in plain values; batches
transactions   writes of several items, all or none
conflicts      two writers of one item: the one who is turned away tries again
users          users
sessions       sessions; the one conditional write of a refresh
keys           the key ring, and KMS
revocations    the revocation feed
attempts       counters of failures
sign_ins       what a sign-in reads of two tables, in one batch
event_bus      EventBridge
"""
