"""``queue.driver.amqp``: queues of a broker that speaks AMQP 0-9-1 (modules-io 3.5)."""
