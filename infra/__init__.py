"""What is around the functions: the emulated AWS, the local gateway, packaging, deploying, the template."""
