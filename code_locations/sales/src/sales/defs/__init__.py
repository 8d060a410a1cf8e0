"""Assets, checks, jobs, schedules and sensors."""
