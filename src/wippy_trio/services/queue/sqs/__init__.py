"""``queue.driver.sqs``: queues of Amazon's SQS, or of what speaks like it (3.6)."""
