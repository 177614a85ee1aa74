"""AWS in its place: moto, ministack, and Lambda's runtime."""
