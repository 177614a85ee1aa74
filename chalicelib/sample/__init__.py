"""The sample resource, for an adopter to delete: comments that their authors own.

comments         who may write and delete as whom
comment_store    their table
"""
