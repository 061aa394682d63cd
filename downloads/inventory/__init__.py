"""What is on the disk and who vouches for it: places, records, room."""
