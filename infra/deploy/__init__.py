"""`make deploy`, `make rollback`, `make destroy`: a stack, its versions, its end."""
