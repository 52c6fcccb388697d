package main

func checks() {}
