"""A person: signing up, proving who one is, and one's sessions.

sign_up        a new account; another password, another name; an account that is enabled again
credentials    username and password held against the record, with throttling
password       Argon2id, and which new passwords are taken (common_passwords.txt)
username       which names are taken, and when two are one
confusables    which names look alike (confusables.txt)
email_address  which addresses are taken, and when two are one mailbox
throttle       how often one may fail
restoration    what a restored backup must not bring back to life
sessions       which sessions there are, why one ended, how to end one, the others or all
"""
