error("chunk broke")
