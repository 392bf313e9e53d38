"""A policy's Chinese text, read into proposed tags (分词解析). Nothing counts until an official has confirmed it."""
