"""What the hub does for people on the platforms: tags written back, notices to staff, sign-in with a platform."""
