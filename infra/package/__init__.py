"""`make package`: the zip and the template that are deployed."""
