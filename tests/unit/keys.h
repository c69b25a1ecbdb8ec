/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* Keys that everybody knows, in all their forms. The members of a JWK come without braces, so that
 * others may stand beside them. */

/* RFC 7515 appendix A.2 */
#define RSA_PUBLIC \
	"\"kty\":\"RSA\"" \
	",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qP" \
	"CJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47s" \
	"oMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2" \
	"R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoud" \
	"F8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"" \
	",\"e\":\"AQAB\""

#define RSA_D \
	"\"d\":\"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgv" \
	"fTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f" \
	"3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQl" \
	"BjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuh" \
	"LhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ\""

#define RSA_PRIMES \
	"\"p\":\"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3" \
	"KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXq" \
	"hJTBgIPgtldC-KDV5z-y2XDwGUc\"" \
	",\"q\":\"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZS" \
	"e7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ1" \
	"1BKBBypeeF6689rjcJIDEz9RWdc\"" \
	",\"dp\":\"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9Ykxvu" \
	"xdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwr" \
	"A86rZtu5Mbr1C1XsmvkxHQAdYo0\"" \
	",\"dq\":\"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB71" \
	"9rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ6" \
	"8m6_pbLBSp3nssTdlqvd0tIiTHU\"" \
	",\"qi\":\"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2M" \
	"owX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh" \
	"6A5603k2-ZQwVK0JKSHuLFkuQ3U\""

#define RSA_PRIVATE RSA_PUBLIC "," RSA_D "," RSA_PRIMES

/* RFC 7515 appendix A.3 */
#define P256_PUBLIC \
	"\"kty\":\"EC\"" \
	",\"crv\":\"P-256\"" \
	",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"" \
	",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""

#define P256_D       "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\""
#define P256_PRIVATE P256_PUBLIC "," P256_D

/* RFC 8037 appendix A.1 */
#define ED25519_PUBLIC \
	"\"kty\":\"OKP\"" \
	",\"crv\":\"Ed25519\"" \
	",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""

#define ED25519_D       "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\""
#define ED25519_PRIVATE ED25519_PUBLIC "," ED25519_D

/* The same keys as PEM. */
#define RSA_PKCS1 \
	"-----BEGIN RSA PRIVATE KEY-----\n" \
	"MIIEowIBAAKCAQEAofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd/wWJcyQoTbji9k0\n" \
	"l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL+yRT+SFd2lZS+pC\n" \
	"gNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb/7OMg0LOL+bSf63kpaSHSX\n" \
	"ndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD\n" \
	"Zlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxXFvUK+DWNmoudF8NAco9/h9iaGNj8\n" \
	"q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQIDAQABAoIBABKucaRpzQorw35S\n" \
	"bEUAVx8dYXUdZOlJcHtiWQ+dC6V8ljxAHj/PLyzTveyI5QO/xkObCyjIL303l2cf\n" \
	"UhPu2MFaJdjVzqACXuOrLot/eSFvxjvqVidTtAZExqFRJ9mylUVAoLvhowVWmC1O\n" \
	"n95fZCXxTUtxNEG1Xcc7m0rtzJKs45J+N/V9DP1edYH6USyPSWGp6wuA+KgHRnKK\n" \
	"Vf9GRx80JQY7nVNkL17eHoTWEwga+lwi0FEoW9Y7lDtWXYmKBWhUE+U8PGxlJf8f\n" \
	"40493HDw1WRQ/aSLoS4QTp3rn7gYgeHEvfJdkkf0UMhlknlo53M09EFPdadQ4TlU\n" \
	"bjqKc50CgYEA4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH/5IB3jw3bcxGn6QLvnE\n" \
	"tfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw/Py5PJdTJNPY8cQn7ouZ2KKDcmnPG\n" \
	"BY5t7yLc1QlQ5xHdwW1VhvKn+nXqhJTBgIPgtldC+KDV5z+y2XDwGUcCgYEAuQPE\n" \
	"fgmVtjL0Uyyx88GZFF1fOunH3+7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYs\n" \
	"p1ZSe7zFYHj7C6ul7TjeLQeZD/YwD66t62wDmpe/HlB+TnBA+njbglfIsRLtXlnD\n" \
	"zQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdcCgYAHAp9XcCSrn8wVkMVkKdb7\n" \
	"DOX4IKjzdahm+ctDAJN4O/y7OW5FKebvUjdAIt2GuoTZ71iTG+7F0F+lP88jtjP4\n" \
	"U4qe7VHoewl4MKOfXZKTe+YCS1XbNvfgwJ3Ltyl1OH9hWvu2yza7q+d5PCsDzqtm\n" \
	"27kxuvULVeya+TEdAB1ijQKBgQCH/3r6YrVH/uCWGy6bzV1nGNOdjKc9tmkfOJmN\n" \
	"54dxdixdpozCQ6U4OxZrsj3FcOhHBsqAHvX2uuYjagqvo3cOj1TRqNocX40omfCC\n" \
	"Mx3bD1yPPf/6TI2XECva/ggqEY2mYzmIiA5LVVmc5nrybr+lssFKneeyxN2Wq93S\n" \
	"0iJMdQKBgCGHewxzoa1r8ZMD0LETNrToK423K377UCYqXfg5XMclbrjPbEC3YI1Z\n" \
	"NqMtuhdBJqUnBi6tjKMF+34Xf0CUN8ncuXGO2CAYvO8PdyCixHX52ybaDjy1FtCE\n" \
	"6yUXjoKNXKvUm7MWGsAYH6f4IegOetN5NvmUMFStCSkh7ixZLkN1\n" \
	"-----END RSA PRIVATE KEY-----\n"

#define RSA_PKCS8 \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh+BYK4uPJtGXO\n" \
	"jS1lYmM2K5J9vinh8CR3/BYlzJChNuOL2TSXxbbqY913EeZ8dCn5VrD7io8ImtxL\n" \
	"aYk8wTM/U+3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNn\n" \
	"juygxmj3AbONv/s4yDQs4v5tJ/reSlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5\n" \
	"ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4NmXG9veoKjlnAqH2QbgtPr8jkiGUkf\n" \
	"toaHLFcW9Qr4NY2ai50Xw0Byj3+H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHg\n" \
	"VFbK5emhAgMBAAECggEAEq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyW\n" \
	"PEAeP88vLNO97IjlA7/GQ5sLKMgvfTeXZx9SE+7YwVol2NXOoAJe46sui395IW/G\n" \
	"O+pWJ1O0BkTGoVEn2bKVRUCgu+GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzj\n" \
	"kn439X0M/V51gfpRLI9JYanrC4D4qAdGcopV/0ZHHzQlBjudU2QvXt4ehNYTCBr6\n" \
	"XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl/x/jTj3ccPDVZFD9pIuhLhBOneufuBiB\n" \
	"4cS98l2SR/RQyGWSeWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ60imZV1URk0K\n" \
	"pLttoLhyt3SmqdEf/kgHePDdtzEafpAu+cS191R2JiuoF2yzWXnwFDcqGigp5BNr\n" \
	"0AHQfD8/Lk8l1Mk09jxxCfui5nYooNyac8YFjm3vItzVCVDnEd3BbVWG8qf6deqE\n" \
	"lMGAg+C2V0L4oNXnP7LZcPAZRwKBgQC5A8R+CZW2MvRTLLHzwZkUXV866cff7tx6\n" \
	"kqa0finGG0KgeqlaZPxgCZnFp7AeAcCMtiynVlJ7vMVgePsLq6XtON4tB5kP9jAP\n" \
	"rq3rbAOal78eUH5OcED6eNuCV8ixEu1eWcPNCS/l1OW1EnXUEoEHKl54Xrrz2uNw\n" \
	"kgMTP1FZ1wKBgAcCn1dwJKufzBWQxWQp1vsM5fggqPN1qGb5y0MAk3g7/Ls5bkUp\n" \
	"5u9SN0Ai3Ya6hNnvWJMb7sXQX6U/zyO2M/hTip7tUeh7CXgwo59dkpN75gJLVds2\n" \
	"9+DAncu3KXU4f2Fa+7bLNrur53k8KwPOq2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf/\n" \
	"evpitUf+4JYbLpvNXWcY052Mpz22aR84mY3nh3F2LF2mjMJDpTg7FmuyPcVw6EcG\n" \
	"yoAe9fa65iNqCq+jdw6PVNGo2hxfjSiZ8IIzHdsPXI89//pMjZcQK9r+CCoRjaZj\n" \
	"OYiIDktVWZzmevJuv6WywUqd57LE3Zar3dLSIkx1AoGAIYd7DHOhrWvxkwPQsRM2\n" \
	"tOgrjbcrfvtQJipd+DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd/QJQ3\n" \
	"ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp/gh6A56\n" \
	"03k2+ZQwVK0JKSHuLFkuQ3U=\n" \
	"-----END PRIVATE KEY-----\n"

#define P256_SEC1 \
	"-----BEGIN EC PRIVATE KEY-----\n" \
	"MHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49\n" \
	"AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b\n" \
	"focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n" \
	"-----END EC PRIVATE KEY-----\n"

#define ED25519_PKCS8 \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n" \
	"-----END PRIVATE KEY-----\n"

#define PASSPHRASE "correct"

#define ED25519_ENCRYPTED \
	"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" \
	"MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjECkUWTvsz+wICCAAw\n" \
	"DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEEi12DaKVqiViMgBIEMt1MAEQN2F\n" \
	"b1aPlWJbCoRCrY2XygyD2UzVjzKRiKVqUM9Vf4qCYW7j8Vmsmx1MixJ9eThBTTqq\n" \
	"BPkd4f9Qz+5HwVvEJAw=\n" \
	"-----END ENCRYPTED PRIVATE KEY-----\n"

/* The encryption of PEM itself, RFC 1421. */
#define P256_ENCRYPTED_OLD \
	"-----BEGIN EC PRIVATE KEY-----\n" \
	"Proc-Type: 4,ENCRYPTED\n" \
	"DEK-Info: AES-128-CBC,D5D56E6DCCFCEB0363668520F5C49754\n" \
	"\n" \
	"S60UgDIUqGNZ3jQljoDf4/YQXD1v9PaaYm7QvAO6FOXprX15siSwXS49d3Ed2jS8\n" \
	"DF6XNEfKtGQ6xpCyojE98Wu6E4qXdrLr20A8Mhqh9z0/YJiexXFsz4CveWYWZhWk\n" \
	"0fdU5gBi6i03lC1Vq+33xoYw5ezMcumy76IPEL0Ex1Y=\n" \
	"-----END EC PRIVATE KEY-----\n"

/* What is not a private key, or not one for us. */
#define ED25519_PUBLIC_PEM \
	"-----BEGIN PUBLIC KEY-----\n" \
	"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n" \
	"-----END PUBLIC KEY-----\n"

#define ED25519_CERTIFICATE \
	"-----BEGIN CERTIFICATE-----\n" \
	"MIIBODCB66ADAgECAhQ+v+lJf0X1s8LfJqkb39i/4VH17DAFBgMrZXAwETEPMA0G\n" \
	"A1UEAwwGZ3JhbnRkMCAXDTI2MTEyNDAwMjQzNFoYDzIxMjYxMDMxMDAyNDM0WjAR\n" \
	"MQ8wDQYDVQQDDAZncmFudGQwKjAFBgMrZXADIQDXWpgBgrEKt9VL/tPJZAc6DuFy\n" \
	"89qmIyWvAhpo9wdRGqNTMFEwHQYDVR0OBBYEFFsnqlWJF5dw5HV1sWKh3tl7i/xt\n" \
	"MB8GA1UdIwQYMBaAFFsnqlWJF5dw5HV1sWKh3tl7i/xtMA8GA1UdEwEB/wQFMAMB\n" \
	"Af8wBQYDK2VwA0EAF+jNP2nWUvM+3kj7bsS/b+mbKvk+Y4X98mzRQYO1CudxfQhA\n" \
	"tVYZRBDGOjdSvMRAHRzJgXkIulT6w7TAEueICQ==\n" \
	"-----END CERTIFICATE-----\n"

#define ED25519_REQUEST \
	"-----BEGIN CERTIFICATE REQUEST-----\n" \
	"MIGQMEQCAQAwETEPMA0GA1UEAwwGZ3JhbnRkMCowBQYDK2VwAyEA11qYAYKxCrfV\n" \
	"S/7TyWQHOg7hcvPapiMlrwIaaPcHURqgADAFBgMrZXADQQAp9dEi/rCLiCLNtLnk\n" \
	"sznNITmae6LD1ZvmaHCTNT6vQX/5V4HC2L9o36vC80VZqTiOBHhZgtAmCKm/ZuIn\n" \
	"5xML\n" \
	"-----END CERTIFICATE REQUEST-----\n"

#define P256_PARAMETERS \
	"-----BEGIN EC PARAMETERS-----\n" \
	"BggqhkjOPQMBBw==\n" \
	"-----END EC PARAMETERS-----\n"

/* 1024 bits */
#define RSA_SHORT \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBANdp2K6P7WFaAjy0\n" \
	"trThOmT7Dsp1v1+5Lv02Jk6RvTe8s6qemFnSU3xiHB8p5ANzQ45WenG5N2EuCeXu\n" \
	"S3WX6ZgUR65sQOeWOPVi+iZFYEkPb/TGeYOizyuM7XnLSjAY3abU80Gb6B1bwGS1\n" \
	"OnixpdboxoNKguDrR7iEL1sS4ps3AgMBAAECgYEAjly1hyg3iY8iy1vjI8d2ACar\n" \
	"r8IBqBGKrG2NA3/tvVhIpQoLRdFqu1lbnHzi5CTZEMi2Q1JU9zSl9f92f1DWXyS6\n" \
	"rK5/dt6M0QN99QbNF7IBruumxTLZjqp2s0rXBRTtKPAJeHBqiKV1NCxQkMXoxC9e\n" \
	"ny08Fq2nDxVP/byxZYECQQD3KzfGubdQQ2PzQxM5o1Mt5O5K5IWobkw2rtvS98XV\n" \
	"Syz2/8t+DWBikm6MWC8zWL81gxtfXASv2aM7F+9zrzl7AkEA3xwr4eLjrwEbsgO4\n" \
	"U1CXsetKruZRJHggqSaD3BRIhsxFTYdpq2hZlKorTII4t11kufYOeuz15cNnfOvO\n" \
	"RxEidQJARqxJ1320x7NtOdpc/ecQWpgR9sIe4YkgK6aV3l3QaGuFYN7FHbbPb3/1\n" \
	"MhXo8SKYEcH6KqsSAAIX5Uazxf09TwJAbQRf8N0jscSR2tb0f0lXBinZcUK7DV3h\n" \
	"X6WhMq16jttLVcm/+XBgrULFK3pJ6lcpO7CefLRCpwVnEORMA++8bQJAOsfxbdZp\n" \
	"g7nAEfb211eqf/08L76HNXR/siriF2P4zf2znpZ8EoJhuJvTXkSiBX9ns0vo72Ua\n" \
	"xsl2AvMHN16IUw==\n" \
	"-----END PRIVATE KEY-----\n"

#define P384_PKCS8 \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCJ3ayeSWWrBsTHZj9h\n" \
	"AvKoo2jF2VE3d+mkuXbGTjETgmI2R22KWX39k/uO8762Y9KhZANiAAQ6TqtHls2j\n" \
	"2ZaI3hO9PFL/5FYWoEuAsNr2SrJ4EIuCoZYbps1qUHk+iPbPC96JYvs+WjgcSe1J\n" \
	"6xgNLROcxH1krx2VurCHz8PYQG5SuCEuliJ3U1oODz+e4SiGUTJ8PRI=\n" \
	"-----END PRIVATE KEY-----\n"

#define X25519_PKCS8 \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MC4CAQAwBQYDK2VuBCIEINiGx3RUtBQMDGk8rPTv93WQUVNT1wP58JCwQ0MTwlFJ\n" \
	"-----END PRIVATE KEY-----\n"
