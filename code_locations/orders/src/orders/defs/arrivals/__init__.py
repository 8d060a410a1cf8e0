"""Files that other systems put into the landing bucket: found, read, merged by day, or set aside."""
