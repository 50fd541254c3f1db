"""用友畅捷通 T+ / T+Cloud, through its open platform."""
